// Package v1beta1 stands in for the resource that flagd reads in Kubernetes clusters, which the tests have no use for.
package v1beta1

import (
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion names the resource.
var GroupVersion = schema.GroupVersion{Group: "core.openfeature.dev", Version: "v1beta1"}

// FeatureFlag holds as much of the resource as flagd's compiler asks for.
type FeatureFlag struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	Spec struct{ FlagSpec any }
}

// AddToScheme refuses: whoever built this flagd cannot sync from Kubernetes.
func AddToScheme(*runtime.Scheme) error {
	return errors.New("this flagd was built for tests, without the resources of Kubernetes")
}
